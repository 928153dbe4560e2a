/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A process with functions and USDT probes to trace: target N waits for a line on its
 * standard input, calls each function N times and says how often the guarded probe was on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

long noted(void);
int guarded(void);

__attribute__((noinline)) long probed_first(long a, long b)
{
	__asm__ volatile("");
	return a * 2 + b;
}

__attribute__((noinline)) long probed_second(long a)
{
	__asm__ volatile("");
	return -a;
}

__attribute__((noinline)) long in_child(long a)
{
	__asm__ volatile("");
	return a + 1;
}

/* Returns in the process and in a child of it. */
__attribute__((noinline)) pid_t forks(void)
{
	__asm__ volatile("");
	return fork();
}

/* Has a child that has the process's memory, and one with a copy. */
static void children(long i)
{
	pid_t child = vfork();

	if (!child) {
		in_child(i);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = forks();
	if (!child) {
		in_child(i);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0;
	int on = 0;

	if (getchar() == EOF)
		return 1;
	for (long i = 0; i < n; i++) {
		probed_first(i, 5);
		probed_second(i);
		noted();
		on += guarded();
		children(i);
	}
	printf("%d\n", on);
	return 0;
}
