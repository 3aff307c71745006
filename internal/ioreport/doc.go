// Package ioreport reads the counters of macOS' IOReport library, without cgo
// and without special rights.
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup, so that tests bind callbacks. [Load] opens the system's own. It
// decides nothing about channels: names, units and values are handed up.
//
//	IOReportCopyChannelsInGroup(CFString group, CFString subgroup, u64, u64, u64) CFMutableDictionary  +1, NULL if absent
//	IOReportCreateSubscription(void *, CFMutableDictionary, CFMutableDictionary *out, u64, CFType)     +1, *out +1
//	IOReportCreateSamples(subscription, CFMutableDictionary, CFType) CFDictionary                      +1
//	IOReportChannelGetChannelName, …GetUnitLabel(CFDictionary) CFString                                borrowed, may be NULL
//	IOReportChannelGetFormat(CFDictionary) int                                                         1 simple
//	IOReportSimpleGetIntegerValue(CFDictionary, int) int64
//
// Ownership: what Create and Copy return is released; what is read out of a
// dictionary is borrowed and dies with it. Samples are walked as the CFArray
// under "IOReportChannels"; the library's own iterator wants a block.
//
// A channel's "RawElements" hold 64-byte elements; at byte 24 stands the time
// at which the driver published the value, in ticks of mach_absolute_time. It
// tells a live counter from a stale one. Source: IOReport headers of XNU
// (IOReportElement), power.md 2.2; not run on a Mac.
package ioreport
