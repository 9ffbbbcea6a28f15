// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/xen-shim by itself: what it must refuse, and what it pins
 *
 * No backend is at work here.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <xen/shim.h>

#include "run.h"

#define DOMID		13
#define PAGES		256

static int open_shim(void)
{
	return open("/dev/xen-shim", O_RDWR | O_CLOEXEC);
}

/* What an ioctl says: 0 or an errno. */
static int told(int fd, unsigned long request, const void *arg)
{
	return ioctl(fd, request, arg) ? errno : 0;
}

static int expect(const char *what, int got, int expected)
{
	if (got == expected)
		return 0;
	ksft_print_msg("%s: %s instead of %s\n", what,
		       got ? strerror(got) : "no error",
		       expected ? strerror(expected) : "no error");
	return 1;
}

static int verdict(int wrong)
{
	return wrong ? fail("%d answers are wrong", wrong) : 0;
}

static int set_domid(int fd, uint32_t domid)
{
	return told(fd, XEN_SHIM_SET_DOMID, &domid);
}

static int step_domid(void)
{
	int a = open_shim(), b = open_shim(), wrong = 0;

	wrong += expect("domid 0", set_domid(a, 0), EINVAL);
	wrong += expect("first reserved domid", set_domid(a, DOMID_FIRST_RESERVED), EINVAL);
	wrong += expect("domid beyond 16 bits", set_domid(a, 65536 + DOMID), EINVAL);
	wrong += expect("a domid", set_domid(a, DOMID), 0);
	wrong += expect("a second domid", set_domid(a, DOMID + 1), EINVAL);
	wrong += expect("somebody else's domid", set_domid(b, DOMID), EBUSY);
	wrong += expect("another domid", set_domid(b, DOMID + 1), 0);
	close(a);
	close(b);
	a = open_shim();
	wrong += expect("the domid of a closed file", set_domid(a, DOMID), 0);
	wrong += expect("unknown ioctl", told(a, _IO(XEN_SHIM_IOC, 99), &wrong), ENOTTY);
	wrong += expect("unknown ioctl, nothing at its address",
			told(a, _IO(XEN_SHIM_IOC, 99), (void *)XPAGE), ENOTTY);
	close(a);
	return verdict(wrong);
}

/* --- memory table -------------------------------------------------------------- */

struct table {
	struct xen_shim_mem_table head;
	struct xen_shim_mem_region regions[XEN_SHIM_MAX_REGIONS + 1];
};

static int set_table(struct domain *d, unsigned int n)
{
	struct table *t = calloc(1, sizeof(*t));
	int got;

	t->head.nr_regions = n;
	for (unsigned int i = 0; i < n && i < XEN_SHIM_MAX_REGIONS + 1; i++) {
		t->regions[i].gpa = i * 2 * XPAGE;
		t->regions[i].size = XPAGE;
		t->regions[i].hva = (uintptr_t)d->ram + i * XPAGE;
	}
	got = told(d->fd, XEN_SHIM_SET_MEM_TABLE, t);
	free(t);
	return got;
}

static int set_region(struct domain *d, struct xen_shim_mem_region a,
		      struct xen_shim_mem_region b, uint32_t pad)
{
	struct table t = { .head = { .nr_regions = b.size ? 2 : 1, .pad = pad } };

	t.regions[0] = a;
	t.regions[1] = b;
	return told(d->fd, XEN_SHIM_SET_MEM_TABLE, &t);
}

#define REGION(g, s, h, f) ((struct xen_shim_mem_region) { \
	.gpa = g, .size = s, .hva = (uintptr_t)(h), .flags = f })
#define NOTHING ((struct xen_shim_mem_region) { .size = 0 })

static int step_memory(void)
{
	struct shim_stats before, after;
	struct domain d;
	uint8_t *ro;
	int wrong = 0;

	if (shim_totals(&before) || dom_alloc(&d, DOMID, PAGES))
		return -1;
	d.fd = open_shim();
	if (dom_set_domid(&d))
		return -1;
	ro = mmap(NULL, XPAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	wrong += expect("no region", set_table(&d, 0), EINVAL);
	wrong += expect("65 regions", set_table(&d, XEN_SHIM_MAX_REGIONS + 1), EINVAL);
	wrong += expect("gpa within a page",
			set_region(&d, REGION(512, XPAGE, d.ram, 0), NOTHING, 0), EINVAL);
	wrong += expect("size of half a page",
			set_region(&d, REGION(0, XPAGE / 2, d.ram, 0), NOTHING, 0), EINVAL);
	wrong += expect("size 0",
			set_region(&d, NOTHING, REGION(0, XPAGE, d.ram, 0), 0), EINVAL);
	wrong += expect("address within a page",
			set_region(&d, REGION(0, XPAGE, d.ram + 8, 0), NOTHING, 0), EINVAL);
	wrong += expect("unknown flag",
			set_region(&d, REGION(0, XPAGE, d.ram, 1U << 31), NOTHING, 0), EINVAL);
	wrong += expect("padding",
			set_region(&d, REGION(0, XPAGE, d.ram, 0), NOTHING, 1), EINVAL);
	wrong += expect("gpa that wraps",
			set_region(&d, REGION(-XPAGE, 2 * XPAGE, d.ram, 0), NOTHING, 0), EINVAL);
	wrong += expect("overlap",
			set_region(&d, REGION(0, 2 * XPAGE, d.ram, 0),
				   REGION(XPAGE, XPAGE, d.ram + 8 * XPAGE, 0), 0), EINVAL);
	wrong += expect("wrong order",
			set_region(&d, REGION(8 * XPAGE, XPAGE, d.ram, 0),
				   REGION(0, XPAGE, d.ram + XPAGE, 0), 0), EINVAL);
	wrong += expect("address 4096, where nothing is",
			set_region(&d, REGION(0, XPAGE, XPAGE, 0), NOTHING, 0), EFAULT);
	wrong += expect("the second region is not there",
			set_region(&d, REGION(0, 16 * XPAGE, d.ram, 0),
				   REGION(64 * XPAGE, XPAGE, XPAGE, 0), 0), EFAULT);
	wrong += expect("2 TiB, more than there are descriptors for",
			set_region(&d, REGION(0, 2ULL << 40, XPAGE, 0), NOTHING, 0), ENOMEM);
	wrong += expect("memory that the caller cannot write",
			set_region(&d, REGION(0, XPAGE, ro, 0), NOTHING, 0), EFAULT);
	if (shim_totals(&after))
		return -1;
	if (after.pinned != before.pinned)
		return fail("%ld pages are pinned by tables that were refused",
			    after.pinned - before.pinned);
	wrong += expect("a good table", set_table(&d, 32), 0);
	wrong += expect("a second table", set_table(&d, 32), EBUSY);
	if (shim_totals(&after))
		return -1;
	if (after.pinned != before.pinned + 32)
		return fail("%ld pages are pinned, not 32", after.pinned - before.pinned);
	munmap(ro, XPAGE);
	dom_destroy(&d);
	return verdict(wrong) ?: shim_wait_idle(5000, &after);
}

/* --- RLIMIT_MEMLOCK -------------------------------------------------------------- */

static int drop_ipc_lock(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		return -1;
	caps[0].effective &= ~(1U << CAP_IPC_LOCK);
	caps[0].permitted &= ~(1U << CAP_IPC_LOCK);
	return syscall(SYS_capset, &head, caps);
}

/* KiB of a line of /proc/self/status, such as "VmPin:". */
static long status_kb(const char *name)
{
	char line[128];
	long kb = -1;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kb = strtol(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return kb;
}

static int beyond_limit(void)
{
	struct rlimit limit = { (PAGES - 1) * XPAGE, PAGES * XPAGE };
	struct shim_stats before, after;
	long locked = status_kb("VmLck:"), pinned = status_kb("VmPin:");
	struct domain d;
	int error;

	if (shim_totals(&before) || dom_alloc(&d, DOMID, PAGES))
		return -1;
	d.fd = open_shim();
	if (dom_set_domid(&d))
		return -1;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || drop_ipc_lock())
		return fail("cannot be limited: %s", strerror(errno));
	error = dom_set_memory(&d);
	if (error != -ENOMEM)
		return fail("%d pages with a limit of %d: %s", PAGES, PAGES - 1,
			    error ? strerror(-error) : "no error");
	if (shim_totals(&after))
		return -1;
	if (after.pinned != before.pinned || status_kb("VmLck:") != locked ||
	    status_kb("VmPin:") != pinned)
		return fail("of what was refused, %ld pages are pinned, VmLck %ld kB, VmPin %ld kB",
			    after.pinned - before.pinned, status_kb("VmLck:") - locked,
			    status_kb("VmPin:") - pinned);
	/* Nothing has changed: with one page more it works. */
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (dom_set_memory(&d))
		return -1;
	if (status_kb("VmLck:") - locked + status_kb("VmPin:") - pinned !=
	    PAGES * (long)XPAGE / 1024)
		return fail("%d pages are pinned, but VmLck grew by %ld kB and VmPin by %ld",
			    PAGES, status_kb("VmLck:") - locked,
			    status_kb("VmPin:") - pinned);
	close(d.fd);
	d.fd = -1;
	if (shim_wait_idle(5000, &after))
		return -1;
	if (status_kb("VmLck:") != locked || status_kb("VmPin:") != pinned)
		return fail("a closed domain is still accounted for");
	return 0;
}

/* In a child: the capability does not come back. */
static int step_limit(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!beyond_limit())
			_exit(0);
		ksft_print_msg("%s\n", why);
		fflush(stdout);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return fail("the child says so above");
	return 0;
}

/* --- grant table and event channels ------------------------------------------------ */

static int set_gnttab(int fd, uint32_t version, uint32_t n, const uint64_t *gpa)
{
	struct xen_shim_gnttab set = { version, n, (uintptr_t)gpa };

	return told(fd, XEN_SHIM_SET_GNTTAB, &set);
}

static int step_gnttab(void)
{
	uint64_t gpa[XEN_SHIM_MAX_GNTTAB_FRAMES + 1], other[2] = { XPAGE, 0 };
	uint64_t outside = PAGES * XPAGE, odd = 8;
	struct domain d;
	int wrong = 0;

	for (int i = 0; i <= XEN_SHIM_MAX_GNTTAB_FRAMES; i++)
		gpa[i] = i * XPAGE;
	if (dom_alloc(&d, DOMID, PAGES))
		return -1;
	d.fd = open_shim();
	if (dom_set_domid(&d))
		return -1;
	wrong += !set_gnttab(d.fd, 1, 1, gpa);
	if (wrong)
		ksft_print_msg("a grant table without memory is taken\n");
	if (dom_set_memory(&d))
		return -1;
	wrong += expect("version 0", set_gnttab(d.fd, 0, 1, gpa), EINVAL);
	wrong += expect("version 2", set_gnttab(d.fd, 2, 1, gpa), EINVAL);
	wrong += expect("no frame", set_gnttab(d.fd, 1, 0, gpa), EINVAL);
	wrong += expect("65 frames", set_gnttab(d.fd, 1, 65, gpa), EINVAL);
	wrong += expect("gpa within a page", set_gnttab(d.fd, 1, 1, &odd), EINVAL);
	wrong += !set_gnttab(d.fd, 1, 1, &outside);
	wrong += expect("no list of frames", set_gnttab(d.fd, 1, 1, NULL), EFAULT);
	wrong += expect("one frame", set_gnttab(d.fd, 1, 1, gpa), 0);
	wrong += !set_gnttab(d.fd, 1, 2, other);
	wrong += expect("two frames", set_gnttab(d.fd, 1, 2, gpa), 0);
	wrong += !set_gnttab(d.fd, 1, 1, gpa);
	dom_destroy(&d);
	return verdict(wrong);
}

static int bind_port(int fd, uint32_t port, int kick, int call, uint32_t flags)
{
	struct xen_shim_evtchn bind = { port, kick, call, flags };

	return told(fd, XEN_SHIM_BIND_EVTCHN, &bind);
}

static int unbind(int fd, uint32_t port)
{
	return told(fd, XEN_SHIM_UNBIND_EVTCHN, &port);
}

static int step_evtchn(void)
{
	int a = eventfd(0, EFD_CLOEXEC), b = eventfd(0, EFD_CLOEXEC), fd = open_shim();
	int file = open("/dev/null", O_RDWR | O_CLOEXEC), wrong = 0;

	wrong += expect("domid", set_domid(fd, DOMID), 0);
	wrong += expect("port 0", bind_port(fd, 0, a, b, 0), EINVAL);
	wrong += expect("port 4096", bind_port(fd, XEN_SHIM_MAX_PORTS, a, b, 0), EINVAL);
	wrong += expect("unknown flag", bind_port(fd, 1, a, b, 1), EINVAL);
	wrong += expect("closed fd", bind_port(fd, 1, -1, b, 0), EBADF);
	wrong += expect("a file", bind_port(fd, 1, a, file, 0), EINVAL);
	wrong += expect("a port", bind_port(fd, 1, a, b, 0), 0);
	wrong += expect("the port again", bind_port(fd, 1, a, b, 0), EEXIST);
	wrong += expect("the last port", bind_port(fd, XEN_SHIM_MAX_PORTS - 1, a, b, 0), 0);
	wrong += expect("unbind", unbind(fd, 1), 0);
	wrong += expect("unbind again", unbind(fd, 1), ENOENT);
	wrong += expect("unbind port 4096", unbind(fd, XEN_SHIM_MAX_PORTS), ENOENT);
	wrong += expect("the port once more", bind_port(fd, 1, a, b, 0), 0);
	close(fd);
	close(a);
	close(b);
	close(file);
	return verdict(wrong);
}

static int step_left(void)
{
	struct shim_stats left;

	return shim_wait_idle(5000, &left);
}

int main(void)
{
	static const struct step steps[] = {
		{ "domain IDs", step_domid, false },
		{ "memory table", step_memory, false },
		{ "memory beyond RLIMIT_MEMLOCK", step_limit, false },
		{ "grant table", step_gnttab, false },
		{ "event channels", step_evtchn, false },
		{ "nothing is left", step_left, false },
	};

	begin_tests();
	run_steps(steps, ARRAY_SIZE(steps));
}
