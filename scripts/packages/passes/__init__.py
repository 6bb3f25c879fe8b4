"""The passes that make a contract ready for the generator tools, one family of constructs a module.

Each changes the plain data that it is given, and leaves a valid OpenAPI document that says the same in fewer words.
"""
