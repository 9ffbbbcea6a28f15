// SPDX-License-Identifier: GPL-2.0
/*
 * kexec [-p] KERNEL INITRAMFS COMMAND-LINE: load a kernel with kexec_file_load(2)
 * and start it, without a shutdown of user space. Does not return if it works.
 *
 * With -p the kernel is the one that a panic starts, and this returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_or_complain(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "kexec: cannot open %s: %s\n", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	unsigned long flags = 0;
	int kernel, initramfs;

	if (argc > 1 && !strcmp(argv[1], "-p")) {
		flags = KEXEC_FILE_ON_CRASH;
		argc--;
		argv++;
	}
	if (argc != 4) {
		fprintf(stderr, "usage: kexec [-p] KERNEL INITRAMFS COMMAND-LINE\n");
		return 2;
	}
	kernel = open_or_complain(argv[1]);
	initramfs = open_or_complain(argv[2]);
	if (kernel < 0 || initramfs < 0)
		return 1;
	/* The length counts the terminating zero. */
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], flags)) {
		fprintf(stderr, "kexec: kexec_file_load: %s\n", strerror(errno));
		return 1;
	}
	if (flags)
		return 0;
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	fprintf(stderr, "kexec: reboot: %s\n", strerror(errno));
	return 1;
}
