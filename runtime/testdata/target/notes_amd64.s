# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# USDT probes with every form of argument, as the notes of systemtap's sys/sdt.h have them.

	.macro note site, semaphore, name, args
	.pushsection .note.stapsdt, "", "note"
	.balign 4
	.4byte 992f - 991f, 994f - 993f, 3
991:	.asciz "stapsdt"
992:	.balign 4
993:	.8byte \site
	.8byte _.stapsdt.base
	.8byte \semaphore
	.asciz "target"
	.asciz "\name"
	.asciz "\args"
994:	.balign 4
	.popsection
	.endm

	.section .stapsdt.base, "aG", "progbits", .stapsdt.base, comdat
	.weak _.stapsdt.base
	.hidden _.stapsdt.base
_.stapsdt.base:
	.space 1
	.size _.stapsdt.base, 1

	.section .probes, "aw"
on:	.2byte 0

	.data
	.balign 8
table:	.8byte 0x0102030405060708, 0xf1f2f3f4f5f6f7f8, 0xa1a2a3a4a5a6a7a8

	.text
	.globl noted
	.type noted, @function
noted:
	push %rbx
	push %rbp
	mov %rsp, %rbp
	sub $16, %rsp
	movabs $0x80000000fffffffe, %rax
	movabs $0xdeadbeef87654321, %r8
	lea table(%rip), %rbx
	mov $2, %ecx
	movabs $0xffffffffffff80f0, %rdx
	lea table(%rip), %rdi
	shr $2, %rdi
	xor %esi, %esi
	movq $-77, -8(%rbp)
forms:	nop
	note forms, 0, forms, "8@%rax -4@%eax 4@%eax -1@%dl 1@%dh -2@%dx 8@$-5 -4@$7 8@8(%rbx) -4@(%rbx,%rcx,8) 4@table+4(%rip) 1@%r8b"
more:	nop
	note more, 0, more, "4@%r8d 2@%r8w -8@-8(%rbp) 2@4(%rbx) 1@$-1 8@%rsp 8@%rbp -1@15(%rbx) 4@(,%rdi,4) -2@8(%rbx) 4@$-1 -4@-8(%rbp)"
	# One probe at three places, which pass its argument in two ways.
	mov $41, %eax
one:	nop
	note one, 0, ways, "-4@%eax"
	movl $42, -8(%rbp)
two:	nop
	note two, 0, ways, "-4@-8(%rbp)"
	mov $43, %eax
three:	nop
	note three, 0, ways, "-4@%eax"
nowhere:	nop
	note nowhere, 0, nowhere, "8@(%rsi)"
floats:	nop
	note floats, 0, floats, "8f@%xmm0"
	mov %rbp, %rsp
	pop %rbp
	pop %rbx
	ret
	.size noted, . - noted

	.globl guarded
	.type guarded, @function
guarded:
	xor %eax, %eax
	cmpw $0, on(%rip)
	je 1f
inside:	nop
	note inside, on, guarded, "8@$3"
	mov $1, %eax
1:	ret
	.size guarded, . - guarded

	.section .note.GNU-stack, "", @progbits
