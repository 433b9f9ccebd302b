"""What a release needs: its parts and their licences, pinned hashes, a package that installs."""
