# For each byte of standard input, 37 times two USDT probes with every form of argument that
# compilers write on x86-64, and once one without arguments. A fourth is only reached while
# its semaphore is not 0, 37 times too. (systemtap's wiki: UserSpaceProbeImplementation)

	.macro probe name, semaphore, arguments
990:	nop
	.pushsection .note.stapsdt, "?", "note"
	.balign 4
	.4byte 992f-991f, 994f-993f, 3
991:	.asciz "stapsdt"
992:	.balign 4
993:	.8byte 990b
	.8byte _.stapsdt.base
	.8byte \semaphore
	.asciz "ebgen"
	.asciz "\name"
	.asciz "\arguments"
994:	.balign 4
	.popsection
	.endm

	.section .stapsdt.base, "aG", "progbits", .stapsdt.base, comdat
	.weak _.stapsdt.base
_.stapsdt.base:
	.space 1

	.section .probes, "aw", "progbits"
guarded_semaphore:
	.2byte 0

	.data
	.balign 8
numbers:
	.8byte 0x1122334455667788, -2, 3
word:
	.4byte -37

	.bss
byte:	.space 1

	.text
	.globl _start
	.type _start, @function
_start:
	pushq %rbp
	movq %rsp, %rbp
	subq $64, %rsp
again:
	xorl %eax, %eax		# read(0, byte, 1)
	xorl %edi, %edi
	leaq byte(%rip), %rsi
	movl $1, %edx
	syscall
	cmpq $1, %rax
	jne leave
	movl $0, %r12d
round:
	movq $-3, %rax		# al 0xfd, ah 0xff
	movl $0x8001fe07, %ebx	# bl 7, bh -2, bx 0xfe07
	movq $101, %r13
	leaq numbers(%rip), %r14
	movl $1, %r15d
	movq $-12, -16(%rbp)
	movl $77, -24(%rbp)
	probe forms, 0, "8@$1009 -4@$-5 8@%rax -4@%eax 1@%al -1@%al -1@%bh 2@%bx -2@%bx 4@%ebx -8@-16(%rbp) -4@-24(%rbp)"
	probe forms_more, 0, "8@(%r14) -8@8(%r14,%r15,8) 8@numbers(%rip) -4@word(%rip) -4@%r12d 8@-8(%r14,%r15,8)"
	cmpw $0, guarded_semaphore(%rip)
	je unguarded
	probe guarded, guarded_semaphore, "-4@%r12d"
unguarded:
	incl %r12d
	cmpl $37, %r12d
	jne round
	probe bare, 0, ""
	movl $1, %eax		# write(1, byte, 1)
	movl $1, %edi
	leaq byte(%rip), %rsi
	movl $1, %edx
	syscall
	jmp again
leave:
	movl $60, %eax		# exit(0)
	xorl %edi, %edi
	syscall
