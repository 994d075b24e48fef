"""Floor 5, the Oscar room: orders and baskets to facts, receivers, storefront, dashboard and commands."""
