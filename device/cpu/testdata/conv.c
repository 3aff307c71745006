// oneDNN's convolution in float32, for BenchmarkConvolution: DEPTH layers, each
// with weights of its own, in the layouts that the primitives ask for; the
// input is reordered before the clock starts.
// Usage: conv DEPTH N CIN H W COUT K STRIDE PAD GROUPS THREADS. For each line R
// of its input it prints the least number of seconds of R runs.
#include "dnnl_side.h"

// filled is memory of noise, reordered from plain float32.
static dnnl_memory_t filled(const dnnl_memory_desc_t *to, dnnl_format_tag_t tag) {
	dnnl_memory_desc_t plain;
	CHECK(dnnl_memory_desc_init_by_tag(&plain, to->ndims, to->dims, dnnl_f32, tag));
	dnnl_memory_t from;
	CHECK(dnnl_memory_create(&from, &plain, engine, DNNL_MEMORY_ALLOCATE));
	float *data;
	CHECK(dnnl_memory_get_data_handle(from, (void **)&data));
	long elems = 1;
	for (int i = 0; i < to->ndims; i++)
		elems *= to->dims[i];
	for (long i = 0; i < elems; i++)
		data[i] = (i * 7919 % 1009 - 504) / 8192.0f;
	return reordered(from, &plain, to);
}

int main(int argc, char **argv) {
	if (argc != 12)
		return 2;
	long v[11];
	for (int i = 0; i < 11; i++)
		v[i] = atol(argv[i + 1]);
	long depth = v[0], n = v[1], cin = v[2], h = v[3], w = v[4], cout = v[5], k = v[6], stride = v[7], pad = v[8], groups = v[9];
	start(v[10]);
	dnnl_dims_t x = {n, cin, h, w}, y = {n, cout, (h + 2 * pad - k) / stride + 1, (w + 2 * pad - k) / stride + 1};
	dnnl_dims_t dense = {cout, cin, k, k}, grouped = {groups, cout / groups, cin / groups, k, k};
	dnnl_memory_desc_t xd, wd, yd;
	CHECK(dnnl_memory_desc_init_by_tag(&xd, 4, x, dnnl_f32, dnnl_format_tag_any));
	CHECK(dnnl_memory_desc_init_by_tag(&yd, 4, y, dnnl_f32, dnnl_format_tag_any));
	if (groups == 1)
		CHECK(dnnl_memory_desc_init_by_tag(&wd, 4, dense, dnnl_f32, dnnl_format_tag_any));
	else
		CHECK(dnnl_memory_desc_init_by_tag(&wd, 5, grouped, dnnl_f32, dnnl_format_tag_any));
	dnnl_dims_t strides = {stride, stride}, pads = {pad, pad};
	dnnl_convolution_desc_t desc;
	CHECK(dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &xd, &wd, 0, &yd, strides, pads,
		pads));
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t conv;
	CHECK(dnnl_primitive_desc_create(&pd, &desc, 0, engine, 0));
	CHECK(dnnl_primitive_create(&conv, pd));
	const dnnl_memory_desc_t *src = dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0);
	const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	const dnnl_memory_desc_t *dst = dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0);
	if (depth > 1 && !dnnl_memory_desc_equal(src, dst)) {
		fprintf(stderr, "a chain needs equal layouts of input and output\n");
		return 1;
	}
	dnnl_memory_t w0[depth], act[2];
	act[0] = filled(src, dnnl_abcd);
	CHECK(dnnl_memory_create(&act[1], dst, engine, DNNL_MEMORY_ALLOCATE));
	for (int i = 0; i < depth; i++)
		w0[i] = filled(weights, groups == 1 ? dnnl_abcd : dnnl_abcde);
	for (int runs; scanf("%d", &runs) == 1;) {
		double best = 1e9;
		for (int i = 0; i < runs; i++) {
			double start = now();
			for (int j = 0; j < depth; j++) {
				dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, act[j % 2]}, {DNNL_ARG_WEIGHTS, w0[j]}, {DNNL_ARG_DST, act[1 - j % 2]}};
				CHECK(dnnl_primitive_execute(conv, stream, 3, args));
			}
			CHECK(dnnl_stream_wait(stream));
			double t = now() - start;
			if (t < best)
				best = t;
		}
		printf("%.9f\n", best);
		fflush(stdout);
	}
	return 0;
}
