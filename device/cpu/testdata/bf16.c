// oneDNN's matrix product in bf16 with float32 results, for BenchmarkBF16.
// Usage: bf16 M N K THREADS. It prints the instruction set when the primitive
// is warm, then for each line R of its input the least number of seconds of R
// runs. Weights are in the layout that the primitive asks for.
#include "dnnl_side.h"

// filled is memory of noise, reordered from plain float32.
static dnnl_memory_t filled(const dnnl_memory_desc_t *to) {
	dnnl_memory_desc_t plain;
	CHECK(dnnl_memory_desc_init_by_tag(&plain, to->ndims, to->dims, dnnl_f32, dnnl_ab));
	dnnl_memory_t from;
	CHECK(dnnl_memory_create(&from, &plain, engine, DNNL_MEMORY_ALLOCATE));
	float *data;
	CHECK(dnnl_memory_get_data_handle(from, (void **)&data));
	for (long i = 0; i < to->dims[0] * to->dims[1]; i++)
		data[i] = (i * 7919 % 1009) / 512.0f - 1;
	return reordered(from, &plain, to);
}

int main(int argc, char **argv) {
	if (argc != 5)
		return 2;
	long m = atol(argv[1]), n = atol(argv[2]), k = atol(argv[3]);
	start(atoi(argv[4]));
	dnnl_dims_t a = {m, k}, b = {k, n}, c = {m, n};
	dnnl_memory_desc_t ad, bd, cd;
	CHECK(dnnl_memory_desc_init_by_tag(&ad, 2, a, dnnl_bf16, dnnl_ab));
	CHECK(dnnl_memory_desc_init_by_tag(&bd, 2, b, dnnl_bf16, dnnl_format_tag_any));
	CHECK(dnnl_memory_desc_init_by_tag(&cd, 2, c, dnnl_f32, dnnl_ab));
	dnnl_matmul_desc_t desc;
	CHECK(dnnl_matmul_desc_init(&desc, &ad, &bd, 0, &cd));
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t primitive;
	CHECK(dnnl_primitive_desc_create(&pd, &desc, 0, engine, 0));
	CHECK(dnnl_primitive_create(&primitive, pd));
	dnnl_memory_t result;
	CHECK(dnnl_memory_create(&result, &cd, engine, DNNL_MEMORY_ALLOCATE));
	dnnl_exec_arg_t args[] = {
		{DNNL_ARG_SRC, filled(&ad)},
		{DNNL_ARG_WEIGHTS, filled(dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0))},
		{DNNL_ARG_DST, result},
	};
	const char *name;
	for (int runs = 3; runs;) {
		double best = 1e9;
		for (int i = 0; i < runs; i++) {
			double start = now();
			CHECK(dnnl_primitive_execute(primitive, stream, 3, args));
			CHECK(dnnl_stream_wait(stream));
			double t = now() - start;
			if (t < best)
				best = t;
		}
		static int warm;
		if (warm++)
			printf("%.9f\n", best);
		else if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success)
			printf("%s\n", name);
		fflush(stdout);
		if (scanf("%d", &runs) != 1)
			break;
	}
	return 0;
}
