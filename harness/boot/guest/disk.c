// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that write blocks with stamps to a disk, read them, and find each as it was written
 *
 * They go around the page cache, each time from or to memory that was not used before: what
 * the disk writes to memory after that was unmapped lands in what somebody else reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load.h"

#define DISK "/dev/nvme0n1"
#define BLOCK 4096
#define WORDS (BLOCK / sizeof(uint64_t))
#define BLOCKS 4096	/* of each thread, which has them in a row */
#define MOST 32		/* that are read or written at once */
#define TIMES 8000

static atomic_int wrong;
static atomic_long done;

static uint64_t seed_of(long thread, long block, uint32_t age)
{
	return ((uint64_t)thread << 56 | (uint64_t)block << 32 | age) * 0x9e3779b97f4a7c15 + 1;
}

static void once(int fd, long thread, uint64_t number, uint32_t *ages)
{
	long first = number % (BLOCKS - MOST), count = 1 + (number >> 20) % MOST;
	off_t where = (thread * BLOCKS + first) * (off_t)BLOCK;
	size_t size = count * BLOCK;
	int writes = number >> 40 & 1;
	uint64_t *data;
	ssize_t got;

	data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		exit(1);
	for (long i = 0; writes && i < count; i++)
		stamp(data + i * WORDS, WORDS, seed_of(thread, first + i, ++ages[first + i]));
	got = writes ? pwrite(fd, data, size, where) : pread(fd, data, size, where);
	if (got != (ssize_t)size) {
		printf("# %s of %ld blocks: %s\n", writes ? "write" : "read", count, strerror(errno));
		wrong++;
	}
	for (long i = 0; i < count; i++) {
		size_t word;

		if (!ages[first + i])	/* never written */
			continue;
		word = stamped(data + i * WORDS, WORDS,
			       seed_of(thread, first + i, ages[first + i]));
		if (word < WORDS) {
			printf("# block %ld of thread %ld, word %zu: %#llx\n", first + i, thread, word,
			       (unsigned long long)data[i * WORDS + word]);
			wrong++;
		}
		done++;
	}
	munmap(data, size);
}

static void *thread(void *argument)
{
	int fd = open(DISK, O_RDWR | O_DIRECT);
	long me = (long)argument;
	uint64_t number = me + 1;
	uint32_t *ages = calloc(BLOCKS, sizeof(*ages));

	if (fd < 0 || !ages) {
		perror("# " DISK);
		wrong++;
		return NULL;
	}
	for (int i = 0; i < TIMES && !wrong; i++) {
		number = following(number);
		once(fd, me, number, ages);
	}
	close(fd);
	free(ages);
	return NULL;
}

int main(void)
{
	return load("disk", thread, &wrong, &done, THREADS * TIMES);
}
