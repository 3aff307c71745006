// c = a·b in float32 by oneDNN's matmul primitive, for BenchmarkOneDNN. Usage:
// onednn M N K THREADS plain|packed: the layout of b; packing is not timed. For
// each number of repetitions on standard input it prints the least time of one
// product in seconds.
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHECK(call)                                             \
	do {                                                        \
		dnnl_status_t s = call;                                 \
		if (s != dnnl_success) {                                \
			fprintf(stderr, "%s: status %d\n", #call, s);       \
			exit(1);                                            \
		}                                                       \
	} while (0)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

// filled is a plain matrix of noise.
static dnnl_memory_t filled(const dnnl_memory_desc_t *d) {
	dnnl_memory_t m;
	float *data;
	CHECK(dnnl_memory_create(&m, d, engine, DNNL_MEMORY_ALLOCATE));
	CHECK(dnnl_memory_get_data_handle(m, (void **)&data));
	for (long i = 0; i < d->dims[0] * d->dims[1]; i++)
		data[i] = i % 17 / 8.f - 1;
	return m;
}

static dnnl_memory_t reordered(dnnl_memory_t from, const dnnl_memory_desc_t *is, const dnnl_memory_desc_t *to) {
	dnnl_memory_t m;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t reorder;
	CHECK(dnnl_memory_create(&m, to, engine, DNNL_MEMORY_ALLOCATE));
	CHECK(dnnl_reorder_primitive_desc_create(&pd, is, engine, to, engine, 0));
	CHECK(dnnl_primitive_create(&reorder, pd));
	dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, m}};
	CHECK(dnnl_primitive_execute(reorder, stream, 2, args));
	CHECK(dnnl_stream_wait(stream));
	return m;
}

int main(int argc, char **argv) {
	if (argc != 6)
		return 2;
	long m = atol(argv[1]), n = atol(argv[2]), k = atol(argv[3]);
	int reps;
	omp_set_num_threads(atoi(argv[4]));
	CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
	CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	dnnl_memory_desc_t a, b, c, want;
	CHECK(dnnl_memory_desc_init_by_tag(&a, 2, (dnnl_dims_t){m, k}, dnnl_f32, dnnl_ab));
	CHECK(dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){k, n}, dnnl_f32, dnnl_ab));
	CHECK(dnnl_memory_desc_init_by_tag(&c, 2, (dnnl_dims_t){m, n}, dnnl_f32, dnnl_ab));
	want = b;
	if (argv[5][1] == 'a') // packed
		CHECK(dnnl_memory_desc_init_by_tag(&want, 2, (dnnl_dims_t){k, n}, dnnl_f32, dnnl_format_tag_any));
	dnnl_matmul_desc_t desc;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t matmul;
	CHECK(dnnl_matmul_desc_init(&desc, &a, &want, 0, &c));
	CHECK(dnnl_primitive_desc_create(&pd, &desc, 0, engine, 0));
	CHECK(dnnl_primitive_create(&matmul, pd));
	dnnl_memory_t right = reordered(filled(&b), &b, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0));
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, filled(&a)}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, filled(&c)}};
	while (scanf("%d", &reps) == 1) {
		double best = 1e9;
		for (int r = 0; r < reps; r++) {
			double from = now();
			CHECK(dnnl_primitive_execute(matmul, stream, 3, args));
			CHECK(dnnl_stream_wait(stream));
			double took = now() - from;
			if (took < best)
				best = took;
		}
		printf("%.9g\n", best);
		fflush(stdout);
	}
	return 0;
}
