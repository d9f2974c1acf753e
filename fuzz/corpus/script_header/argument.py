#! /usr/bin/python3 	 -I -s 	
import os
