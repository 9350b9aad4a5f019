/* SPDX-License-Identifier: GPL-2.0 */
/* What loads have in common: threads, numbers at random, blocks with a stamp, a verdict */
#ifndef LOAD_H
#define LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4

/* Each number follows from the one before: what happened can be had again with the same seed. */
static inline uint64_t following(uint64_t number)
{
	number ^= number << 13;
	number ^= number >> 7;
	return number ^ number << 17;
}

/* Fill @words with what only @seed makes. */
static inline void stamp(uint64_t *block, size_t words, uint64_t seed)
{
	for (size_t i = 0; i < words; i++) {
		seed = following(seed);
		block[i] = seed;
	}
}

/* Return the first of @words that is not as stamp() makes it of @seed, @words if all are. */
static inline size_t stamped(const uint64_t *block, size_t words, uint64_t seed)
{
	size_t i;

	for (i = 0; i < words; i++) {
		seed = following(seed);
		if (block[i] != seed)
			break;
	}
	return i;
}

/* Run @thread once for each number below THREADS, as the only test of a TAP. */
static inline int load(const char *name, void *(*thread)(void *), atomic_int *wrong,
		       atomic_long *done, long least)
{
	pthread_t threads[THREADS];
	int good;

	printf("TAP version 13\n1..1\n");
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, (void *)i))
			exit(1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	good = !*wrong && *done >= least;
	printf("# %ld verified, %d wrong, at least %ld wanted\n", *done, *wrong, least);
	printf("%s 1 %s.verified\n", good ? "ok" : "not ok", name);
	return !good;
}

#endif
