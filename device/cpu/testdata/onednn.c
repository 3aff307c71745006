// c = a·b in float32 by oneDNN's matmul primitive, for BenchmarkOneDNN. Usage:
// onednn M N K THREADS plain|packed: the layout of b; packing is not timed. For
// each number of repetitions on standard input it prints the least time of one
// product in seconds.
#include "dnnl_side.h"

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

int main(int argc, char **argv) {
	if (argc != 6)
		return 2;
	long m = atol(argv[1]), n = atol(argv[2]), k = atol(argv[3]);
	int reps;
	start(atoi(argv[4]));
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
