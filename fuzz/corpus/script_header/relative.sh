#!sh
