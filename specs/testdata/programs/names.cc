// For each byte of standard input, 37 calls of a method, with a number and a text that
// are known.
#include <unistd.h>

namespace bank {
struct Ledger {
	long sum = 0;
	long add(int amount, const char *why);
};

__attribute__((noinline)) long Ledger::add(int amount, const char *why)
{
	sum += why[0] == 'p' ? amount : -amount;
	return sum;
}
} // namespace bank

int main()
{
	bank::Ledger ledger;
	// On the stack, which is in memory: a probe cannot wait for a page of the file.
	char byte, paid[] = "paid", taken[] = "taken";

	while (read(0, &byte, 1) == 1) {
		for (int i = 0; i < 37; i++)
			ledger.add(1009 + 17 * i, i < 30 ? paid : taken);
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
