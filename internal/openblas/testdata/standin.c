// A stand-in for OpenBLAS: plain loops behind its symbols. Macros give the
// integer width, a mark on the names, and faults.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#ifdef MARK
#define NAME(n) JOIN(n, MARK)
#else
#define NAME(n) n
#endif
#ifndef INTEGER
#define INTEGER int
#endif
#ifndef PARALLEL
#define PARALLEL 1
#endif

char *NAME(openblas_get_config)(void) { return "OpenBLAS 9.9.9  stand-in "; }
char *NAME(openblas_get_corename)(void) { return "Loops"; }
int NAME(openblas_get_parallel)(void) { return PARALLEL; }

#ifndef LACKS_THREADS
static int threads = 7;
int NAME(openblas_get_num_threads)(void) { return threads; }
#ifdef KEEPS_THREADS
void NAME(openblas_set_num_threads)(int n) {}
#else
void NAME(openblas_set_num_threads)(int n) { threads = n; }
#endif
#endif

#ifndef WRONG
#define WRONG 0
#endif

#ifndef LACKS_SGEMM
// Column-major, with the hidden lengths of the two letters.
void NAME(sgemm_)(char *ta, char *tb, INTEGER *m, INTEGER *n, INTEGER *k, float *alpha, float *a, INTEGER *lda,
                  float *b, INTEGER *ldb, float *beta, float *c, INTEGER *ldc, unsigned long la, unsigned long lb) {
	if (la != 1 || lb != 1)
		return;
	for (INTEGER j = 0; j < *n; j++)
		for (INTEGER i = 0; i < *m; i++) {
			double sum = WRONG;
			for (INTEGER p = 0; p < *k; p++)
				sum += (double)(*ta == 'N' ? a[i + p * *lda] : a[p + i * *lda]) *
				       (*tb == 'N' ? b[p + j * *ldb] : b[j + p * *ldb]);
			float *out = &c[i + j * *ldc];
			*out = *alpha * sum + (*beta == 0 ? 0 : *beta * *out);
		}
}
#endif
