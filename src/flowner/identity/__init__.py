"""In whose name: one resolver, pure. Facts in, answer out.

`plan` is what everybody calls: explaining, checking and running alike.
"""
