// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's SCSI target in configfs (target.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"
#include "target.h"

#define CONFIGFS	"/sys/kernel/config/target"
#define HBA		CONFIGFS "/core/iblock_0"
#define CORE		HBA "/xenshim"
#define NEXUS		"naa.60014055a5a5a5a6"
#define NO_TARGET	1	/* as STEP_SKIP */

static int failed(const char *path)
{
	set_why("%s: %s", path, strerror(errno));
	return -1;
}

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return failed(path);
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? failed(path) : 0;
}

static int folder(const char *path)
{
	return mkdir(path, 0755) && errno != EEXIST ? failed(path) : 0;
}

/* What the fabric has, from its root to the link that is the LUN. */
struct fabric {
	char root[80], name[120], group[140], nexus[160], lun[160], link[180];
};

static struct fabric paths(const char *fabric)
{
	struct fabric f;

	snprintf(f.root, sizeof(f.root), CONFIGFS "/%.20s", fabric);
	snprintf(f.name, sizeof(f.name), "%s/" TARGET_WWN, f.root);
	snprintf(f.group, sizeof(f.group), "%s/tpgt_1", f.name);
	snprintf(f.nexus, sizeof(f.nexus), "%s/nexus", f.group);
	snprintf(f.lun, sizeof(f.lun), "%s/lun/lun_0", f.group);
	snprintf(f.link, sizeof(f.link), "%s/disk", f.lun);
	return f;
}

int target_make(const char *fabric, const char *path)
{
	struct fabric f = paths(fabric);
	char control[100];

	if (access(CONFIGFS, F_OK)) {
		set_why("the kernel has no SCSI target");
		return NO_TARGET;
	}
	snprintf(control, sizeof(control), "udev_path=%s", path);
	if (folder(HBA) || folder(CORE) || put(CORE "/control", control) ||
	    put(CORE "/enable", "1"))
		return -1;
	if (folder(f.root) || folder(f.name) || folder(f.group) ||
	    put(f.nexus, NEXUS) || folder(f.lun))
		return -1;
	return symlink(CORE, f.link) ? failed(f.link) : 0;
}

void target_remove(const char *fabric)
{
	struct fabric f = paths(fabric);

	unlink(f.link);
	rmdir(f.lun);
	put(f.nexus, "NULL");
	rmdir(f.group);
	rmdir(f.name);
	rmdir(CORE);
}
