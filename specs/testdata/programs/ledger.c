/*
 * For each byte of standard input: 37 allocations of known sizes, 30 of them below
 * book_parse and 7 below book_answer. What a call of book_entry returns is known too.
 */
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

NOINLINE long book_entry(size_t size, const char *why)
{
	char *kept = malloc(size);

	if (!kept)
		abort();
	kept[size - 1] = why[0];
	return (long)size * (why[0] == 'p' ? 1 : -1);
}

NOINLINE long book_parse(void)
{
	long sum = 0;

	for (int i = 0; i < 30; i++)
		sum += book_entry(1009 + 17 * i, "parse");
	return sum;
}

NOINLINE long book_answer(void)
{
	long sum = 0;

	for (int i = 30; i < 37; i++)
		sum += book_entry(1009 + 17 * i, "answer");
	return sum;
}

int main(void)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		volatile long sum = book_parse() + book_answer();

		(void)sum;
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
