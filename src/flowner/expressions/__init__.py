"""What ``@{…}`` means: the expression language of workflow definitions."""
