/*
 * For each byte of standard input: 37 times three blocks, of which one of 101 bytes and
 * more is given back in two of three turns, one is made larger and given back, and one
 * that calloc gave is given back.
 */
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

NOINLINE void *leaky(int i)
{
	char *block = malloc(101 + i);

	if (!block)
		abort();
	block[0] = 1;
	return block;
}

NOINLINE void *tidy(int i)
{
	char *block = calloc(3, 101 + i);

	if (!block)
		abort();
	return block;
}

NOINLINE void *larger(void *block)
{
	char *grown = realloc(block, 1009);

	if (!grown)
		abort();
	grown[0] = 1;
	return grown;
}

int main(void)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		for (int i = 0; i < 37; i++) {
			void *volatile block = leaky(i);

			if (i % 3)
				free(block);
			free(larger(tidy(i)));
			free(tidy(i));
		}
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
