"""Replies that other HTTP parsers test themselves with, and what they and refundry's transport read of each."""
