// The scale and copy loops of STREAM (McCalpin) on float, for BenchmarkStream.
// Usage: stream ELEMENTS THREADS REPETITIONS. It prints the best rate of each
// loop in GB/s, 8 bytes an element (one read, one write), then of ReLU.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

typedef void loop(float *restrict d, const float *restrict s, long n);

static void scale(float *restrict d, const float *restrict s, long n) {
	for (long i = 0; i < n; i++)
		d[i] = 2 * s[i];
}

static void copy(float *restrict d, const float *restrict s, long n) {
	for (long i = 0; i < n; i++)
		d[i] = s[i];
}

static void relu(float *restrict d, const float *restrict s, long n) {
	for (long i = 0; i < n; i++)
		d[i] = s[i] > 0 ? s[i] : 0;
}

typedef struct {
	loop *run;
	float *d;
	const float *s;
	long n;
} job;

static void *start(void *p) {
	job *j = p;
	j->run(j->d, j->s, j->n);
	return 0;
}

int main(int argc, char **argv) {
	if (argc != 4)
		return 2;
	long n = atol(argv[1]);
	int threads = atoi(argv[2]), reps = atoi(argv[3]);
	float *d = aligned_alloc(64, 4 * n), *s = aligned_alloc(64, 4 * n);
	pthread_t *t = malloc(threads * sizeof *t);
	job *j = malloc(threads * sizeof *j);
	if (!d || !s || !t || !j)
		return 1;
	for (long i = 0; i < n; i++)
		d[i] = 0, s[i] = i % 7 - 3;
	loop *loops[] = {scale, copy, relu};
	for (int k = 0; k < 3; k++) {
		double best = 1e9;
		for (int r = 0; r < reps; r++) {
			double from = now();
			for (int i = 0; i < threads; i++) {
				long lo = n / threads * i, hi = i == threads - 1 ? n : n / threads * (i + 1);
				j[i] = (job){loops[k], d + lo, s + lo, hi - lo};
				if (pthread_create(&t[i], 0, start, &j[i]))
					return 1;
			}
			for (int i = 0; i < threads; i++)
				pthread_join(t[i], 0);
			double took = now() - from;
			if (took < best)
				best = took;
		}
		printf("%.6g ", 8.0 * n / best / 1e9);
	}
	printf("%g\n", d[n / 2]); // keeps the results alive
	return 0;
}
