/* For each byte of standard input, 37 pages of memory that were never used are touched. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noinline)) void touch(volatile char *page)
{
	*page = 1;
}

int main(void)
{
	long size = sysconf(_SC_PAGESIZE);
	char byte;

	while (read(0, &byte, 1) == 1) {
		char *pages = mmap(0, 37 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (pages == MAP_FAILED || madvise(pages, 37 * size, MADV_NOHUGEPAGE))
			return 1;
		for (int i = 0; i < 37; i++)
			touch(pages + i * size);
		if (munmap(pages, 37 * size) || write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
