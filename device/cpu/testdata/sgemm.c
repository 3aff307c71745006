// c = a·b in float32 by OpenBLAS or, with -DONEDNN, by oneDNN, for
// BenchmarkProduct. Usage: sgemm M N K THREADS N|T (b transposed). For each
// number of repetitions on standard input it prints the least time of one
// product in seconds.
#include <stdio.h>
#include <stdlib.h>
#ifdef ONEDNN
#include <dnnl.h>
void omp_set_num_threads(int);
#else
#include <cblas.h>
void openblas_set_num_threads(int);
#endif

#include "clock.h"

static float *values(long n) {
	float *v = aligned_alloc(64, (4 * n + 63) / 64 * 64);
	if (!v)
		exit(1);
	for (long i = 0; i < n; i++)
		v[i] = i % 17 / 8.f - 1;
	return v;
}

int main(int argc, char **argv) {
	if (argc != 6)
		return 2;
	long m = atol(argv[1]), n = atol(argv[2]), k = atol(argv[3]);
	int threads = atoi(argv[4]), reps;
	char turned = argv[5][0];
	float *a = values(m * k), *b = values(k * n), *c = values(m * n);
#ifdef ONEDNN
	omp_set_num_threads(threads);
#else
	openblas_set_num_threads(threads);
#endif
	while (scanf("%d", &reps) == 1) {
		double best = 1e9;
		for (int r = 0; r < reps; r++) {
			double from = now();
#ifdef ONEDNN
			if (dnnl_sgemm('N', turned, m, n, k, 1, a, k, b, turned == 'T' ? k : n, 0, c, n) != dnnl_success)
				return 1;
#else
			cblas_sgemm(CblasRowMajor, CblasNoTrans, turned == 'T' ? CblasTrans : CblasNoTrans, m, n, k, 1, a, k, b,
				turned == 'T' ? k : n, 0, c, n);
#endif
			double took = now() - from;
			if (took < best)
				best = took;
		}
		printf("%.9g\n", best);
		fflush(stdout);
	}
	return 0;
}
