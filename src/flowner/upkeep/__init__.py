"""What an operator does to a whole house: look for faults and mend them."""
