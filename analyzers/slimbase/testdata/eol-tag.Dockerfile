# "python3.9" in a tag is a Python; a version of something else is none.
# want "Python 3.9 had its last security support"
# want "has no digest"
FROM registry.example.com/team/app:2.1-python3.9
