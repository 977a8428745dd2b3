/* What the agent decides: node constants before the load, settings at run time; and the counters it reads back. */
#pragma once

#include "base.h"

/* `const`: in .rodata, frozen before the load, so that the verifier sees the values and dead branches vanish.
 * `volatile`: the compiler must not take the zeros here for the final values. */
const volatile struct node_constants node_constants = {};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datapath_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} event_counters SEC(".maps");

/* The agent's own note beside the counters: how many events it has accounted for. No program touches it; it is here
 * because it has to live exactly as long as the counters do, across restarts of the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counters_told SEC(".maps");

/* NULL only if the array did not exist; the verifier wants the check all the same. */
static __always_inline const struct datapath_settings *settings_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&settings, &key);
}

/* No atomic: the map is per CPU, and a tc program is not preempted by another one on its CPU. */
static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&event_counters, &counter);

	if (value)
		(*value)++;
}
