/*
 * For each byte of standard input: 17 calls of call_wait, of 0 to 16 ms; a call of call_descend
 * that calls itself 36 times; and 101 calls of call_escape, which do not return: they jump away.
 */
#include <setjmp.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static jmp_buf away;

NOINLINE long call_wait(long ms, const char *why, int *slept)
{
	struct timespec time = { 0, ms * 1000000 };

	*slept += ms && !nanosleep(&time, 0);
	return ms + why[0];
}

NOINLINE long call_descend(long depth)
{
	volatile long below = depth ? call_descend(depth - 1) : 0;

	return below + depth;
}

NOINLINE void call_escape(volatile int *times)
{
	*times += 1;
	longjmp(away, 1);
}

int main(void)
{
	volatile int times;
	int slept = 0;
	char byte;

	while (read(0, &byte, 1) == 1) {
		for (int i = 0; i < 17; i++)
			call_wait(i, "why", &slept);
		call_descend(36);
		times = 0;
		setjmp(away);
		if (times < 101)
			call_escape(&times);
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
