/* How much one of many may tell in a window of time, so that none drowns the others. */
#pragma once

#include "base.h"

/* What was told in the window under way: value of an LRU hash by whom it is about (__u32). An entry given up while it
 * is needed begins its window again. */
struct budget {
	__u32 window;
	__u32 used;
};

/* True if `who` may tell one more in this window. CPUs that open a window at the same time may go over by one each. */
static __always_inline bool budget_spend(void *budgets, __u32 who, __u32 window, __u32 limit)
{
	struct budget *budget = bpf_map_lookup_elem(budgets, &who);
	struct budget fresh = {.window = window, .used = 1};

	if (unlikely(!budget)) {
		bpf_map_update_elem(budgets, &who, &fresh, BPF_NOEXIST);
		return true;
	}
	if (budget->window != window) {
		*budget = fresh;
		return true;
	}
	return __sync_fetch_and_add(&budget->used, 1) < limit;
}
