/*
 * Does what it is told by single letters on its standard input, and says so by a line:
 * "a" tells where told lies, "l" loads the library LIBRARY and tells where its told_later
 * lies, "m" makes code in memory and tells where, "x" runs the program anew. It ends with
 * its input.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noinline)) void told(void *where)
{
	printf("%p\n", where);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char letter;

	while (read(0, &letter, 1) == 1) {
		switch (letter) {
		case 'a':
			told((void *)told);
			break;
#ifdef LIBRARY
		case 'l':
			told(dlsym(dlopen(argv[1], RTLD_NOW), "told_later"));
			break;
#endif
		case 'm':
			told(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
			break;
		case 'x':
			execv("/proc/self/exe", argv);
			return 1;
		}
	}
	return 0;
}
