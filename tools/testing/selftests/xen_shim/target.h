/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's SCSI target: one LUN on a block device, for one fabric
 */
#ifndef XEN_SHIM_TEST_TARGET_H
#define XEN_SHIM_TEST_TARGET_H

#include <stdbool.h>

#define TARGET_WWN	"naa.60014055a5a5a5a5"

/* Directories of configfs. */
#define TARGET_XEN	"xen-pvscsi"
#define TARGET_VHOST	"vhost"

/*
 * Make LUN 0 of port group 1 of TARGET_WWN in @fabric from the block device
 * @path, by target_core_iblock. Return: 0; < 0, why says why; or 1, which is
 * STEP_SKIP: the kernel has no target.
 */
int target_make(const char *fabric, const char *path);

/* Undo that, as far as it was done. */
void target_remove(const char *fabric);

#endif /* XEN_SHIM_TEST_TARGET_H */
