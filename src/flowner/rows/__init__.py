"""Tables of rows under the law: ours and the user's, one store for both."""
