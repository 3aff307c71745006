// What the C sides that call oneDNN have in common: its engine and stream, a
// check of its status, and a reorder.
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

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

static void start(int threads) {
	omp_set_num_threads(threads);
	CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
	CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
}

// reordered is from, which is laid out as is, in the layout to.
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
