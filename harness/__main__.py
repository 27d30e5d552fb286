"""The commands of `strict_cassettes`, over this project's matrix."""

from strict_cassettes.__main__ import main

if __name__ == "__main__":
    main()
