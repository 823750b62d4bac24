netkit_core::wire_enum! {
    /// A status code (RFC 9110 15) with the reason phrase of the registry.
    ///
    /// Three digits, 100 to 999; a code without a row is as legal as one with.
    pub struct Status(u16) {
        /// 15.2.1.
        CONTINUE = 100, "Continue";
        /// 15.2.2.
        SWITCHING_PROTOCOLS = 101, "Switching Protocols";
        /// RFC 2518 10.1.
        PROCESSING = 102, "Processing";
        /// RFC 8297.
        EARLY_HINTS = 103, "Early Hints";
        /// 15.3.1.
        OK = 200, "OK";
        /// 15.3.2.
        CREATED = 201, "Created";
        /// 15.3.3.
        ACCEPTED = 202, "Accepted";
        /// 15.3.4.
        NON_AUTHORITATIVE_INFORMATION = 203, "Non-Authoritative Information";
        /// 15.3.5.
        NO_CONTENT = 204, "No Content";
        /// 15.3.6.
        RESET_CONTENT = 205, "Reset Content";
        /// 15.3.7.
        PARTIAL_CONTENT = 206, "Partial Content";
        /// 15.4.1.
        MULTIPLE_CHOICES = 300, "Multiple Choices";
        /// 15.4.2.
        MOVED_PERMANENTLY = 301, "Moved Permanently";
        /// 15.4.3.
        FOUND = 302, "Found";
        /// 15.4.4.
        SEE_OTHER = 303, "See Other";
        /// 15.4.5.
        NOT_MODIFIED = 304, "Not Modified";
        /// 15.4.8.
        TEMPORARY_REDIRECT = 307, "Temporary Redirect";
        /// 15.4.9.
        PERMANENT_REDIRECT = 308, "Permanent Redirect";
        /// 15.5.1.
        BAD_REQUEST = 400, "Bad Request";
        /// 15.5.2.
        UNAUTHORIZED = 401, "Unauthorized";
        /// 15.5.4.
        FORBIDDEN = 403, "Forbidden";
        /// 15.5.5.
        NOT_FOUND = 404, "Not Found";
        /// 15.5.6.
        METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
        /// 15.5.7.
        NOT_ACCEPTABLE = 406, "Not Acceptable";
        /// 15.5.8.
        PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required";
        /// 15.5.9.
        REQUEST_TIMEOUT = 408, "Request Timeout";
        /// 15.5.10.
        CONFLICT = 409, "Conflict";
        /// 15.5.11.
        GONE = 410, "Gone";
        /// 15.5.12.
        LENGTH_REQUIRED = 411, "Length Required";
        /// 15.5.13.
        PRECONDITION_FAILED = 412, "Precondition Failed";
        /// 15.5.14.
        CONTENT_TOO_LARGE = 413, "Content Too Large";
        /// 15.5.15.
        URI_TOO_LONG = 414, "URI Too Long";
        /// 15.5.16.
        UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
        /// 15.5.17.
        RANGE_NOT_SATISFIABLE = 416, "Range Not Satisfiable";
        /// 15.5.18.
        EXPECTATION_FAILED = 417, "Expectation Failed";
        /// 15.5.20.
        MISDIRECTED_REQUEST = 421, "Misdirected Request";
        /// 15.5.21.
        UNPROCESSABLE_CONTENT = 422, "Unprocessable Content";
        /// 15.5.22.
        UPGRADE_REQUIRED = 426, "Upgrade Required";
        /// RFC 6585 4.
        TOO_MANY_REQUESTS = 429, "Too Many Requests";
        /// RFC 6585 5.
        REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
        /// 15.6.1.
        INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
        /// 15.6.2.
        NOT_IMPLEMENTED = 501, "Not Implemented";
        /// 15.6.3.
        BAD_GATEWAY = 502, "Bad Gateway";
        /// 15.6.4.
        SERVICE_UNAVAILABLE = 503, "Service Unavailable";
        /// 15.6.5.
        GATEWAY_TIMEOUT = 504, "Gateway Timeout";
        /// 15.6.6.
        HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported";
    }
}

impl Status {
    /// Whether more responses follow to the same request: 1xx (RFC 9110 15.2). 101 is the last one.
    pub const fn is_interim(self) -> bool {
        self.0 >= 100 && self.0 < 200 && self.0 != 101
    }

    /// Whether the request was understood and accepted: 2xx (RFC 9110 15.3).
    pub const fn is_successful(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }
}
