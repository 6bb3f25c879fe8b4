"""A made-up provider, kept out of the package: it shows that the kit is complete, and what a new provider needs.

`document.py` makes its document. `project/` holds its own files, as `nox -s new-provider` began them and a person ended
them, each at its place in the project. tests/generation/test_new_provider.py goes the whole way in a copy;
`mounting.py` puts them in their places within the process, for the tests that every provider has to pass.
"""
