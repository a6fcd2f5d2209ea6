"""Standing orders: rules that send orders later, as their person confirmed them."""
