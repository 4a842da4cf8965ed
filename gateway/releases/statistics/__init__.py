"""Statistics (统计): counts, shares and means with differential privacy, on a budget for each recipient."""
