/*
 * The bare guest: from the multiboot entry to 64-bit C
 *
 * Virtual memory, all of it in 2 MiB pages:
 *   0          + GPA  private view of the first GiB
 *   0xc0000000 + ...  shared view of 3 GiB to 4 GiB (device memory)
 *   512 GiB    + GPA  shared view of the first GiB
 *   512 GiB + 0xc0000000  private view of 3 GiB to 4 GiB
 * The C-bit (SEV) or S-bit (TDX) is above bit 31 in either case.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define MAGIC 0x1badb002

	.section .multiboot, "a"
	.align 4
	.long MAGIC, 0, -MAGIC

	.text
	.code32
	.globl start
start:
	cld
	mov %ebx, mbi
	mov $stack_top, %esp
	/* High halves of the bit in private and in shared mappings. */
	xor %edi, %edi
	xor %esi, %esi
	mov $0x80000000, %eax
	cpuid
	cmp $0x8000001f, %eax
	jb 1f
	mov $0x8000001f, %eax
	cpuid
	test $2, %eax
	jz 1f
	mov %ebx, %ecx
	and $63, %ecx
	mov %ecx, bit
	sub $32, %ecx
	mov $1, %edi
	shl %cl, %edi
	jmp 2f
1:	/* "Microsoft Hv", with an isolation leaf that tells the bit? */
	mov $0x40000000, %eax
	cpuid
	cmp $0x7263694d, %ebx
	jne 1f
	movl $1, hyperv
	cmp $0x4000000c, %eax
	jb 1f
	mov $0x4000000c, %eax
	cpuid
	shr $6, %ebx
	and $63, %ebx
	mov %ebx, bit
	mov %ebx, %ecx
	sub $32, %ecx
	mov $1, %esi
	shl %cl, %esi
	xor %edi, %edi
	jmp 2f
1:	/* TDX with GPAW 48, unless the command line says otherwise. */
	mov $47, %ecx
	mov %ecx, bit
	mov $1 << (47 - 32), %esi
2:	mov %edi, private_high
	mov %esi, shared_high

	/* First GiB: private at low_private, shared at low_shared. */
	xor %ecx, %ecx
3:	mov %ecx, %eax
	shl $21, %eax
	or $0xe3, %eax
	mov %eax, low_private(,%ecx,8)
	mov %edi, low_private + 4(,%ecx,8)
	mov %eax, low_shared(,%ecx,8)
	mov %esi, low_shared + 4(,%ecx,8)
	or $0xc0000000, %eax
	mov %eax, high_private(,%ecx,8)
	mov %edi, high_private + 4(,%ecx,8)
	mov %eax, high_shared(,%ecx,8)
	mov %esi, high_shared + 4(,%ecx,8)
	inc %ecx
	cmp $512, %ecx
	jb 3b

	/* Page tables are private. */
	movl $low_private + 7, pdpt0
	mov %edi, pdpt0 + 4
	movl $high_shared + 7, pdpt0 + 24
	mov %edi, pdpt0 + 28
	movl $low_shared + 7, pdpt1
	mov %edi, pdpt1 + 4
	movl $high_private + 7, pdpt1 + 24
	mov %edi, pdpt1 + 28
	movl $pdpt0 + 7, pml4
	mov %edi, pml4 + 4
	movl $pdpt1 + 7, pml4 + 8
	mov %edi, pml4 + 12

	call enter_long_mode
	ljmp $8, $start64

	/* Also for other CPUs. CR3 itself is loaded without the bit here. */
enter_long_mode:
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	lgdt gdtr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	ret

	.code64
start64:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $stack_top, %rsp
	/* CR3 may carry the C-bit. */
	mov private_high, %eax
	shl $32, %rax
	mov %cr3, %rdx
	or %rdx, %rax
	mov %rax, %cr3
	call main
	jmp .

	/* Startup of another CPU, copied to 0x8000. */
	.code16
	.globl ap_start, ap_end
ap_start:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl ap_gdtr - ap_start + 0x8000
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $24, $ap_start32
ap_gdtr:
	.word gdt_end - gdt - 1
	.long gdt
ap_end:
	.code32
ap_start32:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $ap_stack_top, %esp
	call enter_long_mode
	ljmp $8, $ap_start64
	.code64
ap_start64:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $ap_stack_top, %rsp
	call ap_main
1:	hlt
	jmp 1b

	.globl idle_interrupt
idle_interrupt:
	iretq

	.data
	.align 16
gdt:	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00cf9b000000ffff
gdt_end:
gdtr:	.word gdt_end - gdt - 1
	.long gdt
	.globl mbi, bit, private_high, shared_high, hyperv, low_private
mbi:	.long 0
bit:	.long 0
private_high: .long 0
shared_high: .long 0
hyperv:	.long 0

	.bss
	.align 4096
pml4:	.skip 4096
pdpt0:	.skip 4096
pdpt1:	.skip 4096
low_private: .skip 4096
low_shared: .skip 4096
high_private: .skip 4096
high_shared: .skip 4096
	.skip 16384
stack_top:
	.skip 16384
ap_stack_top:
