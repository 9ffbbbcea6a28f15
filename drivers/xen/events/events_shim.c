// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels without a hypervisor
 *
 * A provider calls xen_evtchn_shim_raise() when the other end of a channel
 * sends, and this file does what the pending and mask bits that Xen shares
 * with a guest do elsewhere. All above it is common: interrupts, late EOI, and
 * the delay of EOIs for a frontend that sends too many events.
 *
 * An event is handled in hard interrupt context, on the CPU where it was
 * raised or unmasked; the affinity of the interrupt is kept, but has no
 * effect. Ports are a fixed array and never freed, so raising one that was
 * just closed is harmless: nobody is found who handles it.
 */
#define pr_fmt(fmt) "xen_shim: " fmt

#include <linux/export.h>
#include <linux/irq_work.h>
#include <linux/slab.h>

#include <xen/events.h>

#include "events_internal.h"

/* Bits of struct shim_port.state */
enum {
	SHIM_PENDING,
	SHIM_MASKED,
};

struct shim_port {
	struct irq_work work;
	unsigned long state;
};

static struct shim_port *shim_ports __read_mostly;

static void shim_port_work(struct irq_work *work)
{
	struct shim_port *p = container_of(work, struct shim_port, work);

	if (test_bit(SHIM_MASKED, &p->state) ||
	    !test_bit(SHIM_PENDING, &p->state))
		return;

	xen_evtchn_handle_port(p - shim_ports);
}

static unsigned int shim_nr_channels(void)
{
	return XEN_SHIM_NR_CHANNELS;
}

static int shim_setup(evtchn_port_t port)
{
	/*
	 * Masked until the interrupt is started. Pending as with Xen, for the
	 * other end may have sent before there was a port.
	 */
	shim_ports[port].state = BIT(SHIM_MASKED) | BIT(SHIM_PENDING);

	return 0;
}

static void shim_remove(evtchn_port_t port, unsigned int cpu)
{
	set_bit(SHIM_MASKED, &shim_ports[port].state);
}

static void shim_bind_to_cpu(evtchn_port_t port, unsigned int cpu,
			     unsigned int old_cpu)
{
}

static void shim_clear_pending(evtchn_port_t port)
{
	clear_bit(SHIM_PENDING, &shim_ports[port].state);
	/* What the other end wrote before it raised again is seen. */
	smp_mb__after_atomic();
}

static void shim_set_pending(evtchn_port_t port)
{
	set_bit(SHIM_PENDING, &shim_ports[port].state);
}

static bool shim_is_pending(evtchn_port_t port)
{
	return test_bit(SHIM_PENDING, &shim_ports[port].state);
}

static void shim_mask(evtchn_port_t port)
{
	set_bit(SHIM_MASKED, &shim_ports[port].state);
}

static void shim_unmask(evtchn_port_t port)
{
	struct shim_port *p = &shim_ports[port];

	clear_bit(SHIM_MASKED, &p->state);
	/* Pairs with xen_evtchn_shim_raise(): one of us sees the other. */
	smp_mb__after_atomic();
	if (test_bit(SHIM_PENDING, &p->state))
		irq_work_queue(&p->work);
}

static void shim_handle_events(unsigned int cpu, struct evtchn_loop_ctrl *ctrl)
{
	/* There is no upcall; shim_port_work() handles one port at a time. */
}

static const struct evtchn_ops evtchn_ops_shim = {
	.max_channels	= shim_nr_channels,
	.nr_channels	= shim_nr_channels,
	.setup		= shim_setup,
	.remove		= shim_remove,
	.bind_to_cpu	= shim_bind_to_cpu,
	.clear_pending	= shim_clear_pending,
	.set_pending	= shim_set_pending,
	.is_pending	= shim_is_pending,
	.mask		= shim_mask,
	.unmask		= shim_unmask,
	.handle_events	= shim_handle_events,
};

/**
 * xen_evtchn_shim_raise - an event was sent to a local port
 * @port: what the provider's evtchn_bind() gave, perhaps closed since
 *
 * Context: Any but NMI.
 */
void xen_evtchn_shim_raise(evtchn_port_t port)
{
	struct shim_port *p;

	if (port >= XEN_SHIM_NR_CHANNELS)
		return;

	p = &shim_ports[port];
	set_bit(SHIM_PENDING, &p->state);
	/* Pairs with shim_unmask(). */
	smp_mb__after_atomic();
	if (!test_bit(SHIM_MASKED, &p->state))
		irq_work_queue(&p->work);
}
EXPORT_SYMBOL_GPL(xen_evtchn_shim_raise);

/**
 * xen_evtchn_shim_init - have event channels that a provider raises
 *
 * Context: May sleep. Not on Xen. Again with the next provider: then there is
 * nothing to do.
 * Return: 0 or -ENOMEM
 */
int xen_evtchn_shim_init(void)
{
	unsigned int port;

	if (!shim_ports) {
		shim_ports = kvcalloc(XEN_SHIM_NR_CHANNELS, sizeof(*shim_ports),
				      GFP_KERNEL);
		if (!shim_ports)
			return -ENOMEM;

		for (port = 0; port < XEN_SHIM_NR_CHANNELS; port++) {
			shim_ports[port].work =
				IRQ_WORK_INIT_HARD(shim_port_work);
			shim_ports[port].state = BIT(SHIM_MASKED);
		}
	}

	return xen_evtchn_late_init(&evtchn_ops_shim);
}
