# A program with USDT probes, as the macros of sys/sdt.h would write them.
	.macro	probe provider, name, args, semaphore=0
991:	nop
	.pushsection .note.stapsdt, "?", "note"
	.balign	4
	.4byte	993f-992f, 995f-994f, 3
992:	.asciz	"stapsdt"
993:	.balign	4
994:	.8byte	991b
	.8byte	_.stapsdt.base
	.8byte	\semaphore
	.asciz	"\provider"
	.asciz	"\name"
	.asciz	"\args"
995:	.balign	4
	.popsection
	.endm

	.section .stapsdt.base, "aG", "progbits", .stapsdt.base, comdat
	.weak	_.stapsdt.base
	.hidden	_.stapsdt.base
_.stapsdt.base:
	.space	1
	.size	_.stapsdt.base, 1

	.section .probes, "aw"
	.globl	looked_at
looked_at:
	.2byte	0

	.data
	.globl	answer
	.type	answer, @object
answer:	.4byte	0, 42
	.size	answer, 8

	.text
	.globl	_start
	.type	_start, @function
_start:
	probe	shop, sold, "-4@%eax 8@$-5 4@-20(%rbp) 8@(%rax,%rbx,8)"
	probe	shop, sold, "-4@%ecx 8@$-5 4@-20(%rbp) 8@(%rax,%rbx,8)"
	probe	shop, closed, "", looked_at
	probe	bank, sold, "-4@answer+4(%rip) 8f@%xmm0 1@%ah"
	mov	$60, %eax
	xor	%edi, %edi
	syscall
	.size	_start, .-_start

	.type	same, @function
same:	ret
	.size	same, .-same
	.globl	alias
	.set	alias, same
	.globl	_ZN4shop4sellEi
	.type	_ZN4shop4sellEi, @function
_ZN4shop4sellEi:
	nop
	ret
	.size	_ZN4shop4sellEi, .-_ZN4shop4sellEi
	.section .note.GNU-stack, "", @progbits
