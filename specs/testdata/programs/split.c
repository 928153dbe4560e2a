/*
 * Spends 70 of 100 parts of its time in seventy and 30 in thirty, for ever. A part is a
 * chain of multiplications that each wait for the one before, so that it takes as long
 * wherever the compiler puts it.
 */
#define NOINLINE __attribute__((noinline))

NOINLINE unsigned long seventy(unsigned long x)
{
	for (int i = 0; i < 70 * 10000; i++)
		x = x * 6364136223846793005 + 1442695040888963407;
	return x;
}

NOINLINE unsigned long thirty(unsigned long x)
{
	for (int i = 0; i < 30 * 10000; i++)
		x = x * 6364136223846793005 + 1442695040888963407;
	return x;
}

int main(void)
{
	volatile unsigned long x = 1;

	for (;;)
		x = thirty(seventy(x));
}
