package power

// hostSources are probed in this order, which is their rank per rail.
var hostSources = []string{"rapl", "nvml", "nvml-power", "hwmon", "battery"}
