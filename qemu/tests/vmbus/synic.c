/*
 * A bare guest of the VMBus: hypercalls, messages and events
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vmbus.h"

#define MSR_GUEST_OS_ID 0x40000000
#define MSR_HYPERCALL   0x40000001
#define MSR_SCONTROL    0x40000080
#define MSR_SIEFP       0x40000082
#define MSR_SIMP        0x40000083
#define MSR_EOM         0x40000084
#define MSR_SINT2       0x40000092

#define HC_POST_MESSAGE 0x5c
#define HC_SIGNAL_EVENT (0x5d | 1 << 16)

#define SINT            2
#define FLAG_PENDING    1

static void wrmsr(uint32_t msr, uint64_t v)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v),
                 "d"((uint32_t)(v >> 32)) : "memory");
}

uint64_t hypercall(uint64_t control, uint64_t in, uint64_t out)
{
    register uint64_t r8 asm("r8") = out;
    uint64_t page = HYPERCALL_PAGE, status;

    asm volatile("call *%[page]"
                 : "=a"(status), "+c"(control), "+d"(in), "+r"(r8)
                 : [page] "r"(page) : "r9", "r10", "r11", "memory", "cc");
    return status;
}

void synic_enable(bool on)
{
    wrmsr(MSR_SIMP, on ? MESSAGE_PAGE | 1 : 0);
    wrmsr(MSR_SIEFP, on ? EVENT_PAGE | 1 : 0);
    /* a vector that is never taken, without masking */
    wrmsr(MSR_SINT2, 0xf0);
    wrmsr(MSR_SCONTROL, on);
}

void synic_init(void)
{
    wrmsr(MSR_GUEST_OS_ID, 0x8100000000000001);
    wrmsr(MSR_HYPERCALL, HYPERCALL_PAGE | 1);
    synic_enable(true);
}

uint16_t post(uint32_t connection, const void *payload, uint32_t size)
{
    mem_u32 *in = (mem_u32 *)INPUT_PAGE;
    mem_u8 *data = (mem_u8 *)INPUT_PAGE + 16;

    in[0] = connection;
    in[1] = 0;
    in[2] = 1;                  /* a VMBus message */
    in[3] = size;
    for (uint32_t i = 0; i < size && i < PAYLOAD; i++) {
        data[i] = ((const uint8_t *)payload)[i];
    }
    return hypercall(HC_POST_MESSAGE, INPUT_PAGE, 0);
}

uint16_t signal_event(uint32_t connection)
{
    return hypercall(HC_SIGNAL_EVENT, connection, 0);
}

/* Take a message out of its slot. */
bool poll(struct message *msg)
{
    mem_u8 *slot = (mem_u8 *)MESSAGE_PAGE + SINT * 256;
    mem_u32 *type = (mem_u32 *)slot;

    if (!*type) {
        asm volatile("pause");
        return false;
    }
    msg->type = *type;
    msg->size = slot[4];
    for (int i = 0; i < PAYLOAD; i++) {
        msg->payload[i] = slot[16 + i];
    }
    *type = 0;
    asm volatile("mfence" : : : "memory");
    if (slot[5] & FLAG_PENDING) {
        wrmsr(MSR_EOM, 0);
    }
    return true;
}

/* Wait for an answer, and drop what comes before it. */
bool await(struct message *msg, uint32_t type)
{
    uint64_t start = ticks();

    while (ticks() - start < PATIENCE) {
        if (poll(msg) && get32(msg, 0) == type) {
            return true;
        }
    }
    return false;
}

/* Whether the host has signalled the channel; clears the flag. */
bool event_seen(uint32_t relid)
{
    mem_u32 *flags = (mem_u32 *)(EVENT_PAGE + SINT * 256) + relid / 32;
    uint32_t bit = 1u << relid % 32;
    bool seen = *flags & bit;

    __atomic_fetch_and((uint32_t *)(uint64_t)flags, ~bit, __ATOMIC_SEQ_CST);
    return seen;
}
