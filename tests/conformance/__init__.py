"""Tests that hold the code against AWS, moto, validators and its own documents."""
