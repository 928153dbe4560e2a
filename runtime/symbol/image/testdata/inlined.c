/* Functions that the compiler puts into others: the tests know the lines. */
#include <stdio.h>

volatile int sum;

static inline __attribute__((always_inline)) void innermost(int x)
{
	sum += x * 37; /* line 8 */
}

static inline __attribute__((always_inline)) void middle(int x)
{
	sum++;
	innermost(x + 1); /* line 14 */
}

__attribute__((noinline)) void outermost(int x)
{
	sum--;
	middle(x); /* line 20 */
	printf("%d\n", sum);
}

__attribute__((noinline)) static int local(int x)
{
	return x + sum;
}

int main(int argc, char **argv)
{
	outermost(argc);
	return local(argc) == 0;
}
