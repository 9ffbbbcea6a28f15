// SPDX-License-Identifier: GPL-2.0
/*
 * The vscsiif frontend (scsi.h)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "scsi.h"
#include "target.h"

int scsi_connect(struct scsi *s, struct domain *d, struct xs *xs, unsigned int id)
{
	struct device *dev = &s->dev;
	char lun[200];
	int error;

	memset(s, 0, sizeof(*s));
	error = ring_make(&s->ring, d, SCSI_RING_ENTRIES, sizeof(struct scsi_request)) ?:
		port_open(d, &s->port) ?:
		device_make(dev, d, xs, "vscsi", id);
	if (error)
		return error;
	snprintf(lun, sizeof(lun), "%s/vscsi-devs/dev-0", dev->back);
	return xs_write(xs, lun, "p-dev", TARGET_WWN ":0") ?:
	       xs_write(xs, lun, "v-dev", "0:0:0:0") ?:
	       xs_write(xs, lun, "state", "%u", XB_INITIALISING) ?:
	       device_offer(dev) ?:
	       xs_write(xs, dev->front, "ring-ref", "%u", s->ring.gref) ?:
	       xs_write(xs, dev->front, "event-channel", "%u", s->port.port) ?:
	       device_state(dev, XB_INITIALISED, XB_CONNECTED) ?:
	       xs_wait(xs, lun, "state", XB_INITIALISED, STATE_MS) ?:
	       xs_write(xs, dev->front, "state", "%u", XB_CONNECTED) ?:
	       xs_wait(xs, lun, "state", XB_CONNECTED, STATE_MS);
}

int scsi_disconnect(struct scsi *s)
{
	/* scsiback lets go of its ring only on the way through this state. */
	return device_state(&s->dev, XB_CLOSING, XB_CLOSING) ?:
	       device_remove(&s->dev) ?:
	       ring_free(&s->ring) ?: port_close(s->dev.d, &s->port);
}

int scsi_talk(struct scsi *s, const struct scsi_request *r, struct scsi_response *rsp)
{
	struct scsi_request *slot = ring_next(&s->ring);
	uint64_t end = now_ms() + SCSI_MS;

	*slot = *r;
	slot->id = s->ring.req_prod;
	if (ring_push(&s->ring))
		port_kick(&s->port);
	while (!ring_pop(&s->ring, rsp, sizeof(*rsp))) {
		if (now_ms() > end) {
			set_why("no response for %d s", SCSI_MS / 1000);
			return -ETIMEDOUT;
		}
		port_wait(&s->port, 100);
	}
	if (rsp->id == (uint16_t)s->ring.req_prod)
		return 0;
	set_why("a response to request %u", rsp->id);
	return -EPROTO;
}

void scsi_set_blocks(uint8_t *command, uint32_t sector, uint16_t count)
{
	for (int i = 0; i < 4; i++)
		command[2 + i] = sector >> (24 - 8 * i);
	command[7] = count >> 8;
	command[8] = count;
}
