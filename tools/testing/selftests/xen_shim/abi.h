/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a Xen guest and its backends have in common, as the guest sees it
 *
 * Written down once more instead of included: the kernel's own headers need
 * the kernel around them, and a second description finds mistakes in layout.
 * Sources: include/xen/interface/grant_table.h and io/{ring,blkif,netif,
 * xs_wire,vscsiif}.h. Everything is little endian, x86-64 layout.
 */
#ifndef XEN_SHIM_TEST_ABI_H
#define XEN_SHIM_TEST_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define XPAGE		4096UL
#define XPAGE_SHIFT	12
#define SECTOR		512UL
#define PAGE_SECTORS	(XPAGE / SECTOR)

/* --- grant table, version 1 ------------------------------------------- */

struct grant_v1 {
	uint16_t flags;
	uint16_t domid;
	uint32_t frame;
};

#define GRANTS_PER_FRAME	(XPAGE / sizeof(struct grant_v1))
#define GTF_INVALID		0
#define GTF_PERMIT_ACCESS	1
#define GTF_ACCEPT_TRANSFER	2
#define GTF_READONLY		0x0004
#define GTF_READING		0x0008
#define GTF_WRITING		0x0010

/* The backends are in domain 0. */
#define BACKEND_DOMID		0
#define DOMID_FIRST_RESERVED	0x7ff0

/* --- shared rings ------------------------------------------------------- */

struct sring {
	uint32_t req_prod, req_event;
	uint32_t rsp_prod, rsp_event;
	uint8_t pad[48];
	uint8_t entries[];
};

/* --- states of the two ends of a device ---------------------------------- */

enum xenbus_state {
	XB_UNKNOWN,
	XB_INITIALISING,
	XB_INIT_WAIT,
	XB_INITIALISED,
	XB_CONNECTED,
	XB_CLOSING,
	XB_CLOSED,
};

/* --- block device --------------------------------------------------------- */

enum {
	BLK_READ = 0,
	BLK_WRITE = 1,
	BLK_BARRIER = 2,
	BLK_FLUSH = 3,
	BLK_DISCARD = 5,
	BLK_INDIRECT = 6,
};

enum {
	BLK_OKAY = 0,
	BLK_ERROR = -1,
	BLK_EOPNOTSUPP = -2,
};

#define BLK_SEGMENTS		11	/* of a direct request */
#define BLK_INDIRECT_FRAMES	8
#define BLK_INDIRECT_SEGMENTS	256	/* what blkback takes */

struct blk_segment {
	uint32_t gref;
	uint8_t first, last;		/* sectors of the page, inclusive */
	uint16_t pad;
};

#define SEGMENTS_PER_FRAME	(XPAGE / sizeof(struct blk_segment))

#pragma pack(push, 1)
struct blk_request {
	uint8_t op;
	union {
		struct {
			uint8_t segments;
			uint16_t handle;
			uint32_t pad;
			uint64_t id;
			uint64_t sector;
			struct blk_segment seg[BLK_SEGMENTS];
		} rw;
		struct {
			uint8_t flag;
			uint16_t handle;
			uint32_t pad;
			uint64_t id;
			uint64_t sector;
			uint64_t sectors;
		} discard;
		struct {
			uint8_t op;
			uint16_t segments;
			uint32_t pad;
			uint64_t id;
			uint64_t sector;
			uint16_t handle;
			uint16_t pad2;
			uint32_t gref[BLK_INDIRECT_FRAMES];
		} indirect;
	};
};

#pragma pack(pop)

struct blk_response {
	uint64_t id;
	uint8_t op;
	uint8_t pad;
	int16_t status;
	uint32_t pad2;
};

static_assert(sizeof(struct blk_request) == 112, "blkif request");
static_assert(sizeof(struct blk_response) == 16, "blkif response");
static_assert(offsetof(struct blk_request, rw.id) == 8, "blkif id");
static_assert(offsetof(struct blk_request, indirect.id) == 8, "blkif id");

#define BLK_RING_ENTRIES	32	/* in one page */

/* --- network device --------------------------------------------------------- */

enum {
	NET_TX_CSUM_BLANK = 1 << 0,
	NET_TX_DATA_VALIDATED = 1 << 1,
	NET_TX_MORE_DATA = 1 << 2,
	NET_TX_EXTRA_INFO = 1 << 3,
};

enum {
	NET_RX_DATA_VALIDATED = 1 << 0,
	NET_RX_CSUM_BLANK = 1 << 1,
	NET_RX_MORE_DATA = 1 << 2,
	NET_RX_EXTRA_INFO = 1 << 3,
};

enum {
	NET_EXTRA_GSO = 1,
	NET_EXTRA_MCAST_ADD = 2,
	NET_EXTRA_MCAST_DEL = 3,
	NET_EXTRA_HASH = 4,
	NET_EXTRA_XDP = 5,
	NET_EXTRA_MORE = 1 << 0,	/* flag */
	NET_GSO_TCPV4 = 1,
};

enum {
	NET_DROPPED = -2,
	NET_ERROR = -1,
	NET_OKAY = 0,
	NET_NULL = 1,
};

struct net_tx_request {
	uint32_t gref;
	uint16_t offset;
	uint16_t flags;
	uint16_t id;
	uint16_t size;		/* first slot: of the packet; others: own */
};

struct net_extra {
	uint8_t type;
	uint8_t flags;
	union {
		struct {
			uint16_t size;
			uint8_t type;
			uint8_t pad;
			uint16_t features;
		} gso;
		uint8_t addr[6];
		uint16_t words[3];
	};
};

struct net_tx_response {
	uint16_t id;
	int16_t status;
};

struct net_rx_request {
	uint16_t id;
	uint16_t pad;
	uint32_t gref;
};

struct net_rx_response {
	uint16_t id;
	uint16_t offset;
	uint16_t flags;
	int16_t status;		/* length, or NET_ERROR and so on */
};

static_assert(sizeof(struct net_tx_request) == 12, "netif tx request");
static_assert(sizeof(struct net_extra) == 8, "netif extra");

#define NET_RING_ENTRIES	256
#define NET_SLOTS		18	/* that netback takes for a packet */

struct net_ctrl_request {
	uint16_t id;
	uint16_t type;
	uint32_t data[3];
};

struct net_ctrl_response {
	uint16_t id;
	uint16_t type;
	uint32_t status;
	uint32_t data;
};

enum {
	NET_CTRL_GET_HASH_FLAGS = 1,
	NET_CTRL_SET_HASH_FLAGS = 2,
	NET_CTRL_SET_HASH_KEY = 3,
	NET_CTRL_GET_MAPPING_SIZE = 4,
	NET_CTRL_SET_MAPPING_SIZE = 5,
	NET_CTRL_SET_MAPPING = 6,
	NET_CTRL_SET_ALGORITHM = 7,
	NET_CTRL_TOEPLITZ = 1,		/* algorithm */
	NET_CTRL_SUCCESS = 0,
};

#define NET_CTRL_RING_ENTRIES	128	/* (4096 - 64) / 16, a power of 2 */

/* --- SCSI ------------------------------------------------------------------------ */

#define SCSI_SEGMENTS		26	/* of a direct request */
#define SCSI_SG_GRANT		0x80	/* segments are pages of segments */
#define SCSI_COMMAND		16
#define SCSI_SENSE		96
#define SCSI_RING_ENTRIES	16

enum {
	SCSI_CDB = 1,		/* act */
	SCSI_ABORT = 2,
	SCSI_RESET = 3,
	SCSI_TO_DEVICE = 1,	/* direction */
	SCSI_FROM_DEVICE = 2,
	SCSI_NONE = 3,
};

struct scsi_segment {
	uint32_t gref;
	uint16_t offset, length;
};

struct scsi_request {
	uint16_t id;
	uint8_t act, command_length;
	uint8_t command[SCSI_COMMAND];
	uint16_t timeout;
	uint16_t channel, target, lun;
	uint16_t other_id;
	uint8_t direction, segments;
	struct scsi_segment seg[SCSI_SEGMENTS];
	uint32_t reserved[3];
};

struct scsi_response {
	uint16_t id;
	uint8_t pad;
	uint8_t sense_length;
	uint8_t sense[SCSI_SENSE];
	int32_t result;		/* bits 0-7: SCSI status, 16-23: of the host */
	uint32_t residual;
	uint32_t reserved[36];
};

static_assert(sizeof(struct scsi_request) == 252, "vscsiif request");
static_assert(sizeof(struct scsi_response) == 252, "vscsiif response");

/* --- xenstore ------------------------------------------------------------------ */

enum {
	XS_CONTROL,
	XS_DIRECTORY,
	XS_READ,
	XS_GET_PERMS,
	XS_WATCH,
	XS_UNWATCH,
	XS_TRANSACTION_START,
	XS_TRANSACTION_END,
	XS_INTRODUCE,
	XS_RELEASE,
	XS_GET_DOMAIN_PATH,
	XS_WRITE,
	XS_MKDIR,
	XS_RM,
	XS_SET_PERMS,
	XS_WATCH_EVENT,
	XS_ERROR,
	XS_RESET_WATCHES = 21,
};

struct xs_header {
	uint32_t type;
	uint32_t req_id;
	uint32_t tx_id;
	uint32_t len;
};

#define XS_PAYLOAD_MAX		4096
#define XS_PATH_MAX		3072
#define XS_RING_SIZE		1024

struct xs_page {
	char req[XS_RING_SIZE];
	char rsp[XS_RING_SIZE];
	uint32_t req_cons, req_prod;
	uint32_t rsp_cons, rsp_prod;
	uint32_t features;
	uint32_t connection;
	uint32_t error;
};

#endif /* XEN_SHIM_TEST_ABI_H */
