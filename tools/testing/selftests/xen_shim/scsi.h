/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vscsiif frontend of the toy domain: LUN 0 of the target that target.h
 * makes for TARGET_XEN
 */
#ifndef XEN_SHIM_TEST_SCSI_H
#define XEN_SHIM_TEST_SCSI_H

#include "device.h"

#define SCSI_MS		20000	/* how long a request may take */

struct scsi {
	struct device dev;
	struct ring ring;
	struct port port;
};

int scsi_connect(struct scsi *s, struct domain *d, struct xs *xs, unsigned int id);

/* Close and remove; then nothing of the domain is mapped any more. */
int scsi_disconnect(struct scsi *s);

/* Send a request, and wait for its response. */
int scsi_talk(struct scsi *s, const struct scsi_request *r, struct scsi_response *rsp);

/* Bytes 2 to 8 of a READ(10) or WRITE(10). */
void scsi_set_blocks(uint8_t *command, uint32_t sector, uint16_t count);

#endif /* XEN_SHIM_TEST_SCSI_H */
